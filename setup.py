"""Packaging of pyskl; the tested versions are pinned in constraints.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'pyskl' / '__init__.py').read_text(encoding='utf-8')).group(1)

# mediapipe 1.x reports usage to its vendor and is left out on purpose. It needs opencv-contrib-python, which unpacks
# into the same folder as opencv-python: constraints.txt pins both to one version.
LANDMARKS = ['mediapipe>=0.10.30,<1', 'opencv-contrib-python>=4.10']
DLIB = ['dlib-bin>=20']  # optional: see docs/landmarks.md on the terms of its model
DEV = ['pytest>=8', 'hypothesis>=6.100', 'ruff>=0.6']

setup(
    name='pyskl',
    version=VERSION,
    description='Facial Action Unit recognition from face keypoints with PoseConv3D',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10,<3.14',
    packages=find_packages(include=['pyskl', 'pyskl.*']),
    package_data={'pyskl': ['py.typed', 'synth/*.npz', 'models/kernels/*.cpp', 'models/kernels/*.h']},
    install_requires=[
        'pyyaml>=6',
        'torch>=2.6',
        'mmengine>=0.10.7,<0.11',
        'mmcv-lite>=2.2,<2.3',
        'numpy>=2.0,<3',
        'scipy>=1.14',
        'scikit-learn>=1.5',
        'opencv-python>=4.10',
        'decord2>=3.4',
        'av>=14',
        'matplotlib>=3.9',
        'rich>=13',
        'filelock>=3.15',
    ],
    extras_require={'landmarks': LANDMARKS, 'dlib': DLIB, 'dev': DEV, 'all': LANDMARKS + DEV},
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
)
