"""Every number a decision hangs on, with where it comes from.

"Simulated" means clips of the simulated camera at its default strength, from the fetched portraits. The attack runs
draw other strengths, noise, light and seeds (bench/face_attacks.py), and these numbers were fixed before them. Run
``python -m bench.face_calibrate`` to see FMR and FNMR at the matching limits. No number here carries a claim about real
crowds: five people are not a test set.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Distances are Euclidean between 128-number encodings; lengths in distances between the eyes unless said."""

    # matching: the fused probe against the reference
    pass_distance: float = 0.47
    unsure_distance: float = 0.53
    # frames of one clip among each other; simulated clips stay under 0.40, other people begin above 0.6
    same_person: float = 0.55
    # a probe this close to the reference is the reference photo filmed; two sessions of one person stay above 0.2
    replay_distance: float = 0.05
    # outlines of a frame laid on those of the reference: simulated: the filmed photo 0.97, other photos 0.45 at most
    replay_likeness: float = 0.70

    # capture
    min_face_px: float = 120.0
    darkest: float = 50.0  # mean grey of the face, 0..255
    brightest: float = 225.0
    # spread of the Laplacian of the face at 96 px, in grey levels; sharp clips measure 13 and more
    sharpness: float = 4.0

    # the face at rest may wander this much before it is no rest
    rest_yaw: float = 0.12
    rest_lips: float = 0.08
    # nose's place between the jaws (0 straight, 1 profile): a head turned further cannot turn on and still be read
    rest_facing: float = 0.55

    # actions, as change against the rest. Simulated: eyes not blinking read 0.84 at the lowest, blinking ones 0.72 at
    # the highest; lips at rest move by 0.07, opened by 0.16 and more
    lids_closed: float = 0.75
    lips_open: float = 0.13
    turned: float = 0.22
    # out-of-plane move of the nose in a turn or a nod; a tilted flat photo stays under 0.035, one bent around
    # a bottle under 0.085, simulated heads turned by 20 degrees show 0.16 and more, nodding by 14 degrees 0.10
    turn_relief: float = 0.10
    nod_relief: float = 0.065

    # grey chips of neighbouring frames: below this the face may have been lost or swapped: it is
    # searched again, and if still unlike, both sides are encoded
    # (simulated: one person down to 0.73 over a sudden turn, two people up to 0.68)
    doubtful_link: float = 0.75
    # a face that moves further than this between frames (in face sizes) has been replaced
    jump: float = 0.6
    # mean grey difference of two frames at quarter size: below this they are one picture saved twice
    near_identical: float = 0.25


THRESHOLDS = Thresholds()
