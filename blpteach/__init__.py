"""BLP demand estimation in five readable steps.

Step 1 `utility`, Step 2 `inversion`, Step 3 `gmm`, Step 4 `outer_loop`, Step 5 `post_estimation`:
each module is one step, and the functions below are the ones that `Problem` and its estimates run.
Three are definitions, which the estimator has in a factored form: `mean_utility`, `moments` and
`gmm_objective`.

The rooms
---------
- The steps know arrays alone, and a later one may use an earlier one. Beside them stand `supply`
  (costs), `equations` (demand and costs as one system), `lognormal` (coefficients), `instruments`
  and `optimal` (which moments), `identification` (what the data speak of), `simulation` and
  `replication` (made-up data, many times).
- Around them: `problem` takes tables in, `estimates` and `outcome` give results out, `examples` are
  problems to begin with. `tables/` makes arrays of tables and is where bad data are refused.
- `course/` makes a course of it: exercises, editions, notation. `plots/` and `widgets/` are its
  pictures. Imports point one way: no step knows of tables, pictures or the course.

A feature of the model
----------------------
`lognormal` is the example to follow. A feature is one module with one small frozen object, whose
neutral default changes nothing; the steps that need it take that object as an argument and ask it,
and there is no `if` elsewhere.

1. Write the equation as a function of arrays (..., J) and (..., J, I), and its derivative; test
   them against a second formula or finite differences.
2. Let `solve_delta` take the object, with costs `supply.solve_demand_and_supply`, and `outcome`,
   which computes utilities at other prices.
3. Give `Problem` an argument for it, and `tables.validation` a check that refuses what can't be
   right in words, with the remedy.
4. Compare estimates with PyBLP's in a test; the neutral default must leave all results as they
   were. Then a row in `course.notation` and in `course.bridge`, and a lesson
   (`lessons/README.md` says how).
"""

from .course.checks import check, hint, solution
from .tables.datasets import load_autos, load_cereal, load_simulated
from .errors import InputError
from .estimates import Estimates
from .gmm import (absorb_effects, concentrate, gmm_objective, iv_gmm, moment_covariance,
                  moment_jacobian, moments, sandwich, weighting_2sls, weighting_matrix)
from .instruments import blp_instruments, differentiation_instruments, other_market_prices
from .identification import absorbed_tastes, conditional_F, profile
from .tables.integration import gauss_hermite, halton, monte_carlo, sobol
from .inversion import (contraction_rate, delta_jacobian, exp_contraction, invert_shares,
                        log_contraction, logit_delta)
from .course.lecture import lecture_style
from .course.notation import glossary, notation
from .course.notebooks import finished, stored_output
from .course.predictions import predict, predicted
from .outcome import Counterfactual
from .outer_loop import gauss_newton, solve_delta
from .post_estimation import (consumer_surplus, diversion_ratios, elasticities,
                              equilibrium_prices, margins, ownership_matrix, price_coefficients,
                              share_jacobian)
from .problem import Problem
from .course.reading import show
from .replication import replicate, summary
from .simulation import Truth, simulate
from .supply import margin_jacobian
from .utility import (buyers, choice_probabilities, inclusive_value, log_share_jacobian,
                      market_shares, mean_utility, taste_deviations)

__version__ = "0.1.0"
