"""How the face is seen: a moving head in front of a pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.synth.noise import smooth_noise

__all__ = ['Camera', 'HeadPose', 'project', 'random_camera', 'simulate_pose']

PIVOT = np.array([0.0, -0.6, -1.0], dtype=np.float32)  # where the head turns, in outer-eye distances from the eyes


@dataclass(frozen=True)
class Camera:
    """Pinhole camera with square pixels and the optical axis through the picture's centre.

    Attributes:
        width: picture width in pixels.
        height: picture height in pixels.
        focal: focal length in pixels.
    """

    width: int
    height: int
    focal: float


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
    turned = (points - PIVOT) @ rotations(pose.angles).transpose(0, 2, 1).astype(np.float32) + PIVOT
    across = turned[..., 0] + pose.position[:, None, 0]
    above = turned[..., 1] + pose.position[:, None, 1]
    depth = pose.position[:, None, 2] - turned[..., 2]
    x = camera.width / 2 + camera.focal * across / depth
    y = camera.height / 2 - camera.focal * above / depth
    return np.stack([x, y], axis=-1).astype(np.float32)


def random_camera(rng: np.random.Generator, img_shape: tuple[int, int]) -> Camera:
    """Draw a camera between a wide webcam and a short telephoto lens for pictures of ``img_shape`` (h, w)."""
    height, width = img_shape
    return Camera(width, height, float(width * rng.uniform(0.9, 1.6)))


def simulate_pose(
    rng: np.random.Generator,
    num_frames: int,
    fps: float,
    camera: Camera,
    face_size: tuple[float, float] = (0.16, 0.26),
) -> HeadPose:
    """Draw a smooth head movement around a person's own resting pose.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        camera: the camera the face is placed in front of.
        face_size: least and greatest outer-eye distance as a share of the picture's height.

    Returns:
        The pose; angles stay within about 30 degrees.
    """
    rest = rng.normal((0, -2, 0), (6, 5, 3))  # people tend to look a little down at the camera
    spread = rng.uniform(0.4, 1.6) * np.array([5.0, 3.5, 2.5])
    angles = rest + spread * smooth_noise(rng, num_frames, 3, 0.7 * fps)
    angles = np.deg2rad(30 * np.tanh(angles / 30))
    distance = camera.focal / (camera.height * rng.uniform(*face_size))
    half_width = distance * camera.width / camera.focal / 2
    half_height = distance * camera.height / camera.focal / 2
    place = rng.uniform(-0.4, 0.4, 2) * np.maximum([half_width - 1.0, half_height - 1.4], 0) + [0, 0.4]
    drift = smooth_noise(rng, num_frames, 3, 1.2 * fps) * [0.08, 0.06, 0.03 * distance]
    position = np.array([*place, distance]) + drift
    return HeadPose(angles.astype(np.float32), position.astype(np.float32))
