"""The real clips and pictures of the report: MediaPipe's keypoints and blendshapes of them, kept in a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.assets import fetch_asset
from pyskl.errors import InputError
from pyskl.files import replacing

CLIPS = ('WolfgangLanger_Pexels.mp4', 'single_face.mp4', 'face_noface.mov', 'noface_face.mov')
GROUPS = ('multi_face.jpg', 'single_face.jpg')
CACHE_FORM = 1  # changes whenever what the cache holds is computed differently
SAME_FACE = 0.1  # largest mean distance between the keypoints and the reference's mesh, in face heights
LAYOUT = 'mediapipe478'


@dataclass(frozen=True)
class Clip:
    """One face of one clip or picture.

    Attributes:
        name: file name without suffix.
        keypoint: (T, 478, 2) float32 pixels, 0 without a face.
        score: (T, 478) float32, 0 without a face.
        blendshapes: (T, 52) float32, NaN where the reference saw no face, or another one.
        timestamps: (T,) float64 seconds.
        fps: frames a second.
        img_shape: (height, width) of the picture.
    """

    name: str
    keypoint: np.ndarray
    score: np.ndarray
    blendshapes: np.ndarray
    timestamps: np.ndarray
    fps: float
    img_shape: tuple[int, int]

    @property
    def seen(self) -> np.ndarray:
        """(T,) bool: frames with a face."""
        return self.score.any(axis=1)

    def points(self, layout: str) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints (T, V, 2) and scores (T, V) in another layout."""
        from pyskl.keypoints import convert_keypoints

        index = np.asarray(convert_keypoints(LAYOUT, layout))
        return self.keypoint[:, index], self.score[:, index]

    def annotation(self, layout: str) -> dict[str, Any]:
        """The clip as an annotation without labels."""
        keypoint, score = self.points(layout)
        return {
            'frame_dir': self.name,
            'total_frames': len(keypoint),
            'img_shape': self.img_shape,
            'original_shape': self.img_shape,
            'keypoint': keypoint[None],
            'keypoint_score': score[None],
            'keypoint_layout': layout,
            'timestamps': self.timestamps,
            'fps': self.fps,
        }


def clip_files() -> list[Path]:
    """The real clips."""
    folder = fetch_asset('pyfeat_videos')
    return [*(folder / name for name in CLIPS), fetch_asset('carphone')]


def picture_files(names: tuple[str, ...] | dict[str, Any]) -> list[Path]:
    """Real pictures by file name."""
    folder = fetch_asset('pyfeat_videos')
    return [folder / name for name in names]


def read_clip(path: Path, cache: Path, progress: bool = False) -> Clip:
    """Find the face in every frame of a clip, and read its blendshapes; from the cache if it is there.

    Raises:
        InputError: if the clip cannot be read or shows no face.
    """
    return next(_cached(path, cache, lambda: iter([_extract_clip(path, progress)])))


def read_picture(path: Path, cache: Path) -> list[Clip]:
    """Find the faces of a picture, from left to right, each as a clip of one frame; from the cache if it is there.

    Raises:
        InputError: if the picture cannot be read or shows no face.
    """
    return list(_cached(path, cache, lambda: _extract_picture(path)))


def repeated(clip: Clip, frames: int, fps: float = 30.0) -> Clip:
    """A picture as a film in which nothing moves."""
    times = np.arange(frames) / fps
    arrays = (np.repeat(array[:1], frames, axis=0) for array in (clip.keypoint, clip.score, clip.blendshapes))
    return Clip(clip.name, *arrays, times, fps, clip.img_shape)


def _extract_clip(path: Path, progress: bool) -> Clip:
    from pyskl.landmarks import MediaPipeExtractor, extract_annotation
    from pyskl.landmarks.blendshapes import BLENDSHAPES, BlendshapeReader
    from pyskl.progress import progress_bar
    from pyskl.video import iter_frames

    with MediaPipeExtractor(layout=LAYOUT) as extractor:
        found = extract_annotation(path, extractor, progress=progress)
    total = found['total_frames']
    keypoint, score = found['keypoint'][0], found['keypoint_score'][0]
    blendshapes = np.full((total, len(BLENDSHAPES)), np.nan, np.float32)
    with (
        BlendshapeReader() as reader,
        progress_bar(iter_frames(path), f'blendshapes of {path.name}', total, shown=progress) as frames,
    ):
        for frame in frames:
            for points, scores in reader.read(frame):
                if score[frame.index].any() and _same(points, keypoint[frame.index]):
                    blendshapes[frame.index] = scores
    times = found.get('timestamps', np.arange(total) / 25.0)
    return Clip(path.stem, keypoint, score, blendshapes, times, float(found.get('fps') or 25.0), found['img_shape'])


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return float(np.linalg.norm(one - other, axis=1).mean()) < SAME_FACE * float(np.ptp(other[:, 1]))


def _extract_picture(path: Path) -> Iterator[Clip]:
    import cv2

    from pyskl.landmarks.blendshapes import BlendshapeReader
    from pyskl.video import Frame

    picture = cv2.imread(str(path))
    if picture is None:
        raise InputError(f'{path}: not a readable picture')
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    with BlendshapeReader(max_faces=10, still=True) as reader:
        faces = reader.read(Frame(0, 0.0, picture))
    if not faces:
        raise InputError(f'{path}: no face was found in the picture')
    faces.sort(key=lambda face: float(face[0][:, 0].mean()))
    for number, (points, scores) in enumerate(faces, 1):
        name = path.stem if len(faces) == 1 else f'{path.stem} face {number}'
        score = np.ones((1, len(points)), np.float32)
        yield Clip(name, points[None], score, scores[None], np.zeros(1), 30.0, picture.shape[:2])


def _cached(path: Path, cache: Path, make: Any) -> Iterator[Clip]:
    from pyskl.landmarks.mediapipe_native import find_model

    key = hashlib.sha256(f'{CACHE_FORM}'.encode() + path.read_bytes() + find_model(None).read_bytes()).hexdigest()
    place = cache / f'{path.stem}.{key[:16]}.npz'
    names = [field.name for field in fields(Clip)]
    if not place.is_file():
        clips = list(make())
        arrays = {f'{number}_{name}': getattr(clip, name) for number, clip in enumerate(clips) for name in names}
        with replacing(place, make_folder=True) as temporary:
            np.savez_compressed(temporary, **arrays)
    with np.load(place, allow_pickle=False) as content:
        for number in range(len(content.files) // len(names)):
            clip = Clip(*(content[f'{number}_{name}'] for name in names))
            height, width = clip.img_shape
            yield Clip(
                str(clip.name), clip.keypoint, clip.score, clip.blendshapes, clip.timestamps, float(clip.fps),
                (int(height), int(width)),
            )  # fmt: skip
