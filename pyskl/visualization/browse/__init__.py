"""Pictures and tables that show what is in an annotation file, and what a network gets of it."""

from __future__ import annotations

from pyskl.visualization.browse.animation import draw_animation
from pyskl.visualization.browse.charts import draw_label_timeline, draw_prevalence
from pyskl.visualization.browse.contact_sheet import draw_contact_sheet
from pyskl.visualization.browse.contents import Contents, count_contents
from pyskl.visualization.browse.network_input import draw_network_input, draws_of_window
from pyskl.visualization.browse.page import pictures_of_page, write_page
from pyskl.visualization.browse.windows import WindowView, choose_windows, find_au, view_window

__all__ = [
    'Contents',
    'WindowView',
    'choose_windows',
    'count_contents',
    'draw_animation',
    'draw_contact_sheet',
    'draw_label_timeline',
    'draw_network_input',
    'draw_prevalence',
    'draws_of_window',
    'find_au',
    'pictures_of_page',
    'view_window',
    'write_page',
]
