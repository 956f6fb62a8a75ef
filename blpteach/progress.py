"""Progress of a search, for the person who waits."""
import sys
import time

import numpy as np

LONGEST = 3600                                                  # seconds; a longer guess is none


class Progress:
    """Shows evaluation, objective, gradient norm and time left, on one line of stderr.

    Parameters
    ----------
    show : bool or None
        True: from the start. None: once the search has taken two seconds. False: never.
    stream : file, optional
    """

    def __init__(self, show=None, stream=None):
        self.show, self.stream = show, stream or sys.stderr
        self.begin = self.shown = time.perf_counter()
        self.norms, self.lines, self.label = [], 0, ""

    def start(self, label):
        """Begin a search of its own: a GMM step, or another starting value."""
        self.label, self.norms = label, []

    def report(self, evaluation, objective, gradient_norm):
        """Note one evaluation and show it when it is time to."""
        self.norms.append(gradient_norm)
        now = time.perf_counter()
        waited = now - self.begin > 2 if self.show is None else self.show
        if waited and (self.lines == 0 or now - self.shown > 0.1):
            self.shown, self.lines = now, self.lines + 1
            left = time_left(self.norms, (now - self.begin) / max(evaluation, 1))
            line = (f"{self.label}evaluation {evaluation:4d}   objective {objective:14.7f}   "
                    f"gradient {gradient_norm:9.2e}   {left}")
            self.stream.write(f"\r{line:<100}")
            self.stream.flush()

    def finish(self):
        """End the line."""
        if self.lines:
            self.stream.write("\n")
            self.stream.flush()


def time_left(norms, seconds, tolerance=1e-6):
    """A guess in words, if the gradient norm goes on falling as over the last eight evaluations.

    Parameters
    ----------
    norms : list
        Gradient norms, one an evaluation.
    seconds : float
        That an evaluation takes.
    tolerance : float
        A gradient norm as small as that ends the search.

    Returns
    -------
    str
    """
    recent = [norm for norm in norms[-8:] if np.isfinite(norm) and norm > 0]
    if len(recent) < 3 or recent[-1] >= recent[0]:
        return "time left: not known yet"
    per_evaluation = np.log(recent[0] / recent[-1]) / (len(recent) - 1)
    left = max(np.log(recent[-1] / tolerance), 0) / per_evaluation * seconds
    if left > LONGEST:                                          # it hardly falls
        return "time left: not known yet"
    if left < 1.5:
        return "about a second left"
    return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"
