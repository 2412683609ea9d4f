"""Where the landmarks and the mesh points of ``build_face_model.py`` lie on the head.

Corrections are in percent of the outer-eye distance and given for the subject's right side or the midline; the left
side is their mirror image. Directions: *lateral* away from the midline, *up*, *forward* out of the face.
"""

from __future__ import annotations

__all__ = ['IRIS_RADIUS', 'LANDMARK_VERTICES', 'MESH_VERTICES', 'NEUTRAL_CORRECTIONS', 'RIM_PLACES']

# fmt: off
LANDMARK_VERTICES: tuple[int, ...] = (
    5239, 5186, 5092, 5241, 894, 915, 5294, 746, 5225, 7466, 11900, 7617, 7596, 11850, 11707, 11798, 11848,  # jaw
    3743, 232, 224, 223, 208, 6983, 6997, 6998, 7005, 10411,  # brows
    133, 5063, 5134, 5054, 354, 313, 317, 7076, 7115,  # nose
    1062, 1057, 4865, 74, 1071, 41, 6858, 11483, 7749, 7754, 6825, 7763,  # eyes
    3707, 5352, 460, 466, 7219, 11954, 10375, 7235, 7241, 5337, 486, 480,  # outer lips
    437, 472, 474, 7228, 7197, 7264, 493, 517,  # inner lips
)
# fmt: on
"""Vertex of each iBUG-68 landmark on the base head. Found by running a landmark detector on a picture of the head and
taking the nearest visible vertex, except landmark 51 (middle of the upper lip's edge), where that vertex lies inside
the mouth: it is the midline vertex between landmarks 50 and 52."""

# fmt: off
MESH_VERTICES: tuple[int, ...] = (
    466, 302, 317, 200, 5054, 5134, 135, 4857, 169, 227, 5192, 509, 468, 474, 493, 513, 496, 5337, 724, 312, 308, 5233,
    4887, 4886, 4884, 4882, 5130, 151, 152, 153, 154, 150, 5213, 1062, 5195, 194, 5147, 460, 459, 5352, 415, 453, 469,
    399, 299, 295, 212, 5086, 5051, 284, 5065, 5070, 206, 207, 5191, 181, 94, 712, 5241, 325, 353, 3707, 3706, 232,
    337, 177, 223, 5190, 3744, 3746, 262, 3743, 506, 5353, 449, 354, 444, 439, 437, 382, 525, 5359, 472, 723, 486, 490,
    512, 517, 475, 510, 477, 406, 376, 5092, 312, 476, 438, 313, 358, 332, 5061, 5060, 5146, 5197, 3745, 224, 730, 208,
    5265, 5194, 38, 5089, 4888, 145, 5100, 5095, 5181, 906, 905, 5249, 5209, 5248, 123, 5325, 189, 310, 5251, 5195,
    909, 5146, 4881, 5096, 910, 74, 278, 5298, 915, 5092, 5240, 717, 5166, 315, 5250, 257, 41, 4861, 440, 5154, 5292,
    5294, 5295, 5320, 5225, 1071, 53, 4871, 260, 4867, 4865, 1056, 1057, 1058, 5239, 1066, 5342, 5341, 346, 5345, 133,
    5226, 5165, 5167, 894, 63, 5257, 5171, 5293, 5205, 552, 511, 484, 480, 479, 420, 524, 414, 711, 5302, 5090, 104,
    4891, 419, 5300, 114, 734, 201, 5064, 5063, 5088, 5211, 733, 5158, 3699, 5075, 898, 5150, 5322, 5287, 5215, 197,
    5216, 5160, 5156, 5206, 5174, 736, 5140, 5255, 322, 323, 335, 175, 171, 170, 172, 173, 148, 5186, 137, 139, 140,
    141, 5084, 143, 5201, 326, 198, 274, 303, 396, 286, 304, 308, 4873, 112, 112, 1061, 83, 6976, 11475, 7072, 11842,
    11505, 11504, 11502, 11500, 11745, 6929, 6930, 6931, 6932, 6928, 11823, 7754, 11806, 6970, 11761, 7219, 7218,
    11954, 7175, 7213, 7225, 7159, 7065, 7062, 6987, 11701, 11669, 7053, 11681, 11686, 6981, 6982, 11803, 6957, 6878,
    7435, 11850, 7087, 7114, 10375, 10374, 7005, 7099, 6953, 6997, 11802, 10412, 10414, 7031, 10411, 7255, 11955, 7209,
    7115, 7204, 7199, 7197, 7142, 7270, 11961, 7228, 7446, 7241, 7245, 7260, 7264, 7230, 7258, 7232, 7166, 7136, 11707,
    7231, 7198, 7076, 7119, 7094, 11678, 11677, 11760, 11808, 10413, 6998, 7452, 6983, 11873, 11805, 6822, 11704,
    11506, 6923, 11715, 11710, 11793, 7608, 7607, 11857, 11820, 11856, 6907, 11929, 6965, 7074, 11859, 11806, 7611,
    11760, 11499, 11711, 7612, 6858, 7047, 11903, 7617, 11707, 11849, 7440, 11779, 7078, 11858, 7026, 6825, 11479,
    7200, 11768, 11898, 11900, 11901, 7763, 6837, 11489, 7029, 11485, 11483, 7748, 7749, 7750, 11848, 7758, 11944,
    7107, 11947, 11835, 11778, 11780, 7596, 6847, 11865, 11899, 11816, 7295, 7259, 7239, 7235, 7234, 7180, 7269, 7174,
    7434, 11907, 11705, 6888, 11509, 7179, 11905, 6898, 7454, 11680, 11703, 11772, 10367, 11690, 7600, 11764, 11926,
    11893, 11825, 6973, 11826, 11774, 11770, 11817, 11786, 7456, 11754, 11863, 7084, 7085, 7097, 6951, 6947, 6946,
    6948, 6949, 6926, 11798, 6915, 6917, 6918, 6919, 11699, 6921, 11812, 7088, 6974, 7043, 7068, 7156, 7055, 7069,
    7072, 11491, 6896, 6896, 7753, 6867,
)
# fmt: on
"""Vertex of each of MediaPipe's 468 mesh points on the base head, right and left mirror images of each other. Found
like the landmarks. Where the two sides disagreed, two points fell on one vertex, or a lip's vertex belonged to the
other lip or lay inside the mouth, the vertex was picked anew: the nearest on the head's front to where the detector's
mean mesh over a few photos puts the point, on the lip whose jaw it follows. The points that are iBUG landmarks have the
landmark's vertex."""

NEUTRAL_CORRECTIONS: dict[int, tuple[float, float, float]] = {
    0: (1.0, -5.0, 0), 1: (2.5, -5.2, -9.2), 2: (-0.4, -6.9, 5.7), 3: (0.3, -1.2, 9.6), 4: (0.2, -0.5, 14.5),
    5: (1.4, -3.0, 1.5), 6: (2.6, -2.9, -1.7), 7: (-0.9, -0.7, 14.4), 8: (0, -4.0, -1.9),
    17: (2.2, -7.9, 0), 18: (0, -2.6, 0), 19: (-2.5, 2.7, 0), 20: (3.5, 0.3, 0), 21: (-2, 6.2, 0),
    27: (0, 6, 0), 28: (0, 8, 0), 29: (0, 12, 0), 30: (0, 10, 0), 31: (0, 3.4, 0), 32: (0, 3.0, 0), 33: (0, 4.6, 0),
    36: (0, -1, 0), 37: (-1.0, 0.8, 0), 38: (0.4, -0.2, 0), 39: (1, 1.7, 0), 40: (2, -0.4, 0), 41: (1, 0.8, 0),
    48: (2.5, 3.1, 0), 49: (0.4, 5, 0), 50: (2.1, 4.9, 0), 51: (0, 4.9, 0), 57: (0, 8.5, 0), 58: (1.6, 7.6, 0),
    59: (1.7, 6.9, 0),
    60: (3, 2.9, 0), 61: (0.4, 4.5, 0), 62: (0, 4.5, 0), 66: (0, 4.5, 0), 67: (0.5, 4.5, 0),
}  # fmt: skip
"""Moves the mean face to where a landmark detector puts its points on people: the mean over the faces of a few photos
and videos, mouths at rest; then brows, lids, nose base and lips towards five real faces at rest. The bare vertices sit
too high at the brow's tail, too low at the nose and mouth, and make the lower lip too full."""

RIM_PLACES: dict[int, tuple[float, float, float]] = {
    10: (0.0, 60.0, 13.0), 109: (-21.7, 59.5, 10.0), 67: (-40.2, 56.1, 2.0), 103: (-56.8, 49.2, -10.0),
    54: (-67.7, 38.8, -25.0), 21: (-74.5, 25.7, -40.0), 162: (-77.6, 11.7, -50.0), 127: (-78.9, -5.6, -54.0),
    234: (-78.6, -22.0, -55.0), 93: (-77.6, -38.7, -54.0), 132: (-75.2, -56.5, -51.5), 58: (-69.9, -75.2, -46.0),
    172: (-62.4, -89.8, -38.0), 136: (-54.3, -100.2, -29.0), 150: (-44.1, -109.9, -20.0), 149: (-35.3, -116.6, -13.0),
    176: (-25.8, -122.5, -6.5), 148: (-14.5, -126.8, 0.0), 152: (0.0, -128.2, 4.0),
}  # fmt: skip
"""Where the mesh's rim is on the mean face, from the top of the forehead down the right side to the chin: x, y and z in
percent of the outer-eye distance from the point between the eyes. The vertices make corners and folds there. Height and
width are those of the mean over the faces of a few photos and videos, brought to the size of the mean face; depth is an
even arc."""

IRIS_RADIUS = 0.065
"""In outer-eye distances: an iris is 11.7 mm wide in nearly all adults, and the outer eye corners are 90 mm apart."""
