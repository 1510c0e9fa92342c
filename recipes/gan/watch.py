"""The log of an adversarial run, and what in it tells that the run has gone wrong."""

import statistics

import numpy as np

# Each is asked of a row's numbers; the first tenth of a run is spared, in which all is in motion.
SPARED = 0.1
# Samples this alike, as a part of the distance between real images.
DIVERSITY = 0.25
# So little is left of the largest diversity so far.
LOST = 0.5
# The discriminator's hinge loss, which is 2 where it knows nothing, in so many rows together.
WON, AT_A_LOSS, ROWS = 0.05, 1.995, 3
# The generator's gradient, as a multiple of the median of the rows before.
EXPLODED = 100


def diversity(images: np.ndarray) -> float:
    """The mean distance between two images, as a root mean square over pixels and channels."""
    x = np.asarray(images, "float64").reshape(len(images), -1)
    x = x - x.mean(0)  # distances stay, and rounding is less
    squares = (x**2).sum(1)
    between = squares[:, None] + squares[None] - 2 * x @ x.T
    pairs = np.triu_indices(len(x), 1)
    return float(np.sqrt(np.maximum(between[pairs], 0) / x.shape[1]).mean())


def warnings(rows: list[dict], steps: int) -> list[str]:
    """What is wrong at the last of the rows of a run of so many steps, in words."""
    rows = [row for row in rows if row["step"] > SPARED * steps]
    if not rows:
        return []
    last, told = rows[-1], []
    best = max(row["diversity"] for row in rows)
    if last["diversity"] < DIVERSITY:
        told.append(f"samples are alike: diversity {last['diversity']} is below {DIVERSITY}")
    elif last["diversity"] < LOST * best:
        told.append(f"samples grow alike: diversity {last['diversity']} after {best}")
    recent = [row["d_loss"] for row in rows[-ROWS:]]
    if len(recent) == ROWS and max(recent) < WON:
        told.append(f"the discriminator has won: d_loss below {WON} in {ROWS} rows")
    if len(recent) == ROWS and all(abs(loss - 2) < 2 - AT_A_LOSS for loss in recent):
        told.append(f"the discriminator knows nothing: d_loss is 2 in {ROWS} rows")
    before = [row["g_gradient"] for row in rows[:-1]]
    if len(before) >= ROWS and last["g_gradient"] > EXPLODED * statistics.median(before):
        told.append(f"the generator's gradient is {EXPLODED} times what it was")
    return told
