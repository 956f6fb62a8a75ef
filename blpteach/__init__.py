"""BLP demand estimation in five readable steps.

Step 1 `utility`, Step 2 `inversion`, Step 3 `gmm`, Step 4 `outer_loop`, Step 5 `post_estimation`: each module is one step, and the
functions below are the ones that `Problem` and its estimates run. Three are definitions, which the estimator has in a factored
form: `mean_utility`, `moments` and `gmm_objective`.
"""

from .course.checks import check, hint, solution
from .tables.datasets import load_autos, load_cereal, load_simulated
from .errors import InputError
from .estimates import Estimates
from .gmm import (absorb_effects, concentrate, gmm_objective, iv_gmm, moment_covariance, moment_jacobian, moments, sandwich,
                  weighting_2sls, weighting_matrix)
from .instruments import blp_instruments, differentiation_instruments, other_market_prices
from .identification import absorbed_tastes, conditional_F, profile
from .tables.integration import gauss_hermite, halton, monte_carlo, sobol
from .inversion import contraction_rate, delta_jacobian, exp_contraction, invert_shares, log_contraction, logit_delta
from .course.lecture import lecture_style
from .course.notation import glossary, notation
from .course.notebooks import finished, stored_output
from .outcome import Counterfactual
from .outer_loop import gauss_newton, solve_delta
from .post_estimation import (consumer_surplus, diversion_ratios, elasticities, equilibrium_prices, margins, ownership_matrix,
                              price_coefficients, share_jacobian)
from .problem import Problem
from .course.reading import show
from .replication import replicate, summary
from .simulation import Truth, simulate
from .supply import margin_jacobian
from .utility import (buyers, choice_probabilities, inclusive_value, log_share_jacobian, market_shares, mean_utility,
                      taste_deviations)

__version__ = "0.1.0"
