"""How the face is seen: a moving head in front of a pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.synth.noise import smooth_noise, smooth_step, stepping_signal
from pyskl.synth.speech import Activity

__all__ = [
    'OUTER_EYE_METRES',
    'Camera',
    'HeadPose',
    'head_motion',
    'project',
    'random_camera',
    'random_img_shape',
    'simulate_pose',
]

PIVOT = np.array([0.0, -0.6, -1.0], dtype=np.float32)  # where the head turns, in outer-eye distances from the eyes
OUTER_EYE_METRES = 0.089
"""Distance of the outer eye corners of an average adult (Farkas, Anthropometry of the Head and Face, 1994)."""

LIMITS = np.deg2rad([62.0, 32.0, 26.0])  # yaw, pitch and roll never pass these
DISTANCES = (0.4, 3.0)  # metres from the camera: from the webcam on a laptop to a portrait lens
WIDEST = 0.58  # focal length in picture widths of a view of 82 degrees, about the widest of webcams and phones
FACE_SIZES = (0.055, 0.34)  # outer-eye distance as a share of the picture's shorter side
CROP_SIDE = 128  # pictures up to this size are crops of a found face
CROP_SIZES = (0.36, 0.5)
LEAST_PIXELS = 22.0  # of the outer-eye distance: a face of about 40 pixels
FACE_CENTRE = (0.0, -0.4)  # of the landmarks, from the point between the eyes
FACE_HALF = (0.85, 1.05)  # half width and half height of the landmarks

VIDEO_SHAPES: tuple[tuple[float, tuple[int, int]], ...] = (
    (0.25, (480, 640)),
    (0.30, (720, 1280)),
    (0.12, (1080, 1920)),
    (0.10, (360, 640)),
    (0.06, (240, 320)),
    (0.05, (1280, 720)),
    (0.12, (112, 112)),
)
"""(share, (h, w)) of the pictures :func:`random_img_shape` draws."""


@dataclass(frozen=True)
class Camera:
    """Pinhole camera with square pixels.

    Attributes:
        width: picture width in pixels.
        height: picture height in pixels.
        focal: focal length in pixels.
        distance: from the face in outer-eye distances.
        centre: (x, y) pixels of the optical axis, outside the picture when it is a crop off the middle of a larger one;
            the picture's middle if None.
    """

    width: int
    height: int
    focal: float
    distance: float
    centre: tuple[float, float] | None = None

    @property
    def axis(self) -> tuple[float, float]:
        """(x, y) pixels of the optical axis."""
        return (self.width / 2, self.height / 2) if self.centre is None else self.centre

    @property
    def is_crop(self) -> bool:
        """Whether the picture is so small that it is the crop of a face, which follows the face about."""
        return max(self.width, self.height) <= CROP_SIDE


@dataclass(frozen=True)
class HeadPose:
    """Head pose over time.

    Attributes:
        angles: (T, 3) float32 yaw, pitch and roll in radians. Positive yaw turns the nose to the right of the picture,
            positive pitch turns it up, positive roll turns the face counter-clockwise as seen in the picture.
        position: (T, 3) float32 place of the point between the eyes: right of the optical axis, above it, and
            distance from the camera, in outer-eye distances.
    """

    angles: np.ndarray
    position: np.ndarray


def rotations(angles: np.ndarray) -> np.ndarray:
    """Turn (T, 3) yaw, pitch and roll into (T, 3, 3) rotation matrices: roll after pitch after yaw."""
    yaw, pitch, roll = np.moveaxis(np.asarray(angles), -1, 0)
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    about_y = np.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], axis=-1).reshape(-1, 3, 3)
    about_x = np.stack([one, zero, zero, zero, cp, sp, zero, -sp, cp], axis=-1).reshape(-1, 3, 3)
    about_z = np.stack([cr, -sr, zero, sr, cr, zero, zero, zero, one], axis=-1).reshape(-1, 3, 3)
    return about_z @ about_x @ about_y


def project(points: np.ndarray, pose: HeadPose, camera: Camera) -> np.ndarray:
    """Project a moving face into the picture.

    Args:
        points: (T, V, 3) landmarks in the head's own axes, outer-eye distances.
        pose: head pose of the same T frames.
        camera: the camera.

    Returns:
        (T, V, 2) float32 pixels, x to the right and y down.
    """
    turn = rotations(pose.angles)
    place = pose.position * np.array([1, 1, -1]) + PIVOT - turn @ PIVOT
    x, y = camera.axis
    lens = np.array([[camera.focal, 0, -x], [0, -camera.focal, -y], [0, 0, -1]])
    seen = points @ np.ascontiguousarray((lens @ turn).transpose(0, 2, 1), dtype=np.float32)
    seen += (place @ lens.T).astype(np.float32)[:, None]
    pixels = np.empty((*points.shape[:-1], 2), dtype=np.float32)
    for axis in range(2):  # whole rows at a time are far quicker than pairs
        np.divide(seen[..., axis], seen[..., 2], out=pixels[..., axis])
    return pixels


def random_img_shape(rng: np.random.Generator) -> tuple[int, int]:
    """Draw a picture size (h, w) as found in Aff-Wild2: videos from 320x240 to 1920x1080, and crops of 112x112."""
    shares = np.cumsum([share for share, _ in VIDEO_SHAPES])
    return VIDEO_SHAPES[int(np.searchsorted(shares, rng.uniform() * shares[-1]).clip(max=len(shares) - 1))][1]


def random_camera(rng: np.random.Generator, img_shape: tuple[int, int]) -> Camera:
    """Draw a camera between a webcam at 0.4 metres and a portrait lens at 3 metres.

    Distance and size of the face in the picture, from 40 pixels to most of it, are drawn and give the focal length: the
    nearer the camera, the wider its view and the stronger the perspective. No view is wider than 82 degrees.

    Args:
        rng: source of randomness.
        img_shape: (h, w) of the picture in pixels. Up to 128 pixels it is the crop of a face, from anywhere in a larger
            picture.

    Returns:
        The camera.
    """
    height, width = img_shape
    side = min(img_shape)
    distance = np.exp(rng.uniform(*np.log(DISTANCES))) / OUTER_EYE_METRES
    crop = max(img_shape) <= CROP_SIDE
    least, greatest = CROP_SIZES if crop else FACE_SIZES
    least = min(greatest, max(least, LEAST_PIXELS / side))
    size = np.exp(rng.uniform(np.log(least), np.log(greatest))) * side
    away = rng.uniform(-1, 1, 2)
    if crop:  # from a picture of which a face takes a fifth or less: the axis is up to some faces away
        away *= np.array([3.0, 1.5]) * size
        axis = (float(width / 2 + away[0]), float(height / 2 + away[1]))
        return Camera(width, height, float(size * distance), float(distance), axis)
    nearest = WIDEST * max(img_shape) / (0.36 * side)  # closer than this, the widest lens would not hold the face
    distance = max(distance, nearest)
    focal = max(size * distance, WIDEST * max(img_shape))
    return Camera(width, height, float(focal), float(distance))


def _gestures(rng: np.random.Generator, time: np.ndarray, rate: float, beat: tuple[float, float]) -> np.ndarray:
    """Nods or shakes: (T,) a few swings of ``beat`` hertz, -1..1, ``rate`` times a minute."""
    swing = np.zeros(len(time))
    count = rng.poisson(rate / 60 * (time[-1] + 2))
    starts, lengths = rng.uniform(-2, time[-1] + 1e-9, count), rng.uniform(0.5, 1.6, count)
    beats, size = rng.uniform(*beat, count), rng.uniform(0.3, 1, count)
    for start, length, hertz, strength in zip(starts, lengths, beats, size, strict=True):
        share = np.clip((time - start) / length, 0, 1)
        swing += strength * np.sin(2 * np.pi * hertz * (time - start)) * (smooth_step(4 * share) - smooth_step(share))
    return swing


def head_motion(
    rng: np.random.Generator, num_frames: int, fps: float, extent: float = 1.0, activity: Activity | None = None
) -> np.ndarray:
    """Draw how a head moves: resting poses with turns between them, sway, nods, shakes, and what voice does to it.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        extent: factor on the resting poses; 0.4 is a person who keeps facing the camera.
        activity: speech and laughs of the track.

    Returns:
        (T, 3) float64 yaw, pitch and roll in radians, within 62, 32 and 26 degrees.
    """
    time = np.arange(num_frames) / fps
    count = 3 + int(0.8 * time[-1])
    starts = np.cumsum(0.8 + rng.exponential(1.1, count)) - rng.uniform(0, 2.5)
    home = rng.normal((0, -2, 0), (9, 6, 3))  # people tend to look a little down at the camera
    rest = home + rng.normal(0, (11, 4.5, 3), (count + 1, 3))
    away = rng.uniform(size=count + 1) < rng.uniform(0, 0.4)
    rest[away] += rng.normal(0, (30, 11, 7), (int(away.sum()), 3))
    pace = np.clip(rng.uniform(0.3, 0.6, count) + np.linalg.norm(np.diff(rest, axis=0), axis=1) / 100, 0.3, 0.8)
    angles = stepping_signal(time, starts, extent * rest, pace).astype(np.float64)
    sway = rng.uniform(0.3, 1.3) * np.array([4.5, 2.0, 1.4])
    angles += sway * smooth_noise(rng, num_frames, 3, 0.4 * fps)
    angles[:, 1] += 6 * _gestures(rng, time, 3.0, (1.5, 3.5))
    angles[:, 0] += 8 * _gestures(rng, time, 3.0, (1.2, 2.5))
    if activity is not None:
        lively = rng.uniform(0.5, 2.0)
        angles += lively * activity.speech[:, None] * smooth_noise(rng, num_frames, 3, 0.15 * fps) * [1.3, 1.3, 0.8]
        angles[:, 1] += lively * activity.syllable - 0.8 * activity.beat + rng.uniform(-2, 9) * activity.laugh
    return LIMITS * np.tanh(np.deg2rad(angles) / LIMITS)


def _place(rng: np.random.Generator, camera: Camera, distance: float) -> np.ndarray:
    """Resting place (2,) of the point between the eyes, right of the axis and above it."""
    size = camera.focal / distance
    picture = np.array([camera.width, camera.height])
    room = np.maximum(picture / 2 - np.array(FACE_HALF) * size, 0)
    share = rng.uniform(-0.1, 0.1, 2) if camera.is_crop else np.clip(rng.normal(0, 0.4, 2), -1, 1)
    middle = (picture / 2 + share * room - camera.axis) / size
    return middle * [1, -1] - FACE_CENTRE


def simulate_pose(
    rng: np.random.Generator,
    num_frames: int,
    fps: float,
    camera: Camera,
    extent: float = 1.0,
    activity: Activity | None = None,
) -> HeadPose:
    """Draw a head movement and its place in front of the camera.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        camera: the camera the face is placed in front of.
        extent: factor on resting poses and wandering, see :func:`head_motion`.
        activity: speech and laughs of the track, which nod and bob the head.

    Returns:
        The pose. The resting face lies inside the picture where it fits.
    """
    angles = head_motion(rng, num_frames, fps, extent, activity)
    if camera.is_crop:  # crops are cut along the eyes
        angles[:, 2] *= 0.3
    distance = camera.distance
    wander = np.array([0.02, 0.02, 0.01 * distance] if camera.is_crop else [0.08, 0.06, 0.025 * distance])
    drift = smooth_noise(rng, num_frames, 3, 1.2 * fps) * wander * min(extent, 1.0)
    position = np.array([*_place(rng, camera, distance), distance]) + drift
    return HeadPose(angles.astype(np.float32), position.astype(np.float32))
