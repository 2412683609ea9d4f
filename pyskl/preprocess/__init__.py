"""From a data set as it was downloaded to an annotation that is ready to train."""

from __future__ import annotations

from pyskl.preprocess.choose import choose_subjects
from pyskl.preprocess.commandline import add_arguments, run_preprocessing
from pyskl.preprocess.jobs import COUNTS, Job
from pyskl.preprocess.sources import KeypointSource, SourceHandle, add_source_arguments, open_source
from pyskl.preprocess.summary import Problem

__all__ = [
    'COUNTS', 'Job', 'KeypointSource', 'Problem', 'SourceHandle', 'add_arguments', 'add_source_arguments',
    'choose_subjects', 'open_source', 'run_preprocessing',
]  # fmt: skip
