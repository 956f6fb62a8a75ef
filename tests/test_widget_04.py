"""Lesson 04's pictures say what estimations say, and its widget shows where searches stop."""

from threading import Thread

import numpy as np
import pytest

import blpteach
from blpteach.examples import cereal
from blpteach.plots import search as plots
from blpteach.widgets.search import search

COLUMN = 7  # of theta2: pi[prices, income_squared]


@pytest.fixture(scope="module")
def problem():
    return cereal()[0]


@pytest.fixture(scope="module")
def estimates():
    problem, start = cereal()
    return problem.estimate(**start)


@pytest.fixture(scope="module")
def landscape(problem, estimates):
    return plots.Landscape(problem, estimates, 18.1139)


@pytest.fixture(scope="module")
def box(landscape):
    return search(landscape)


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def split(problem, free, theta2):
    """sigma and pi."""
    Gamma = free.unpack(theta2).Gamma
    return Gamma[:, :problem.L], Gamma[:, problem.L:]


@pytest.mark.parametrize("start, tolerance", [(-1.2, 0.5), (-20, 0.5), (-30, 0.1), (-5, 1e-5)])
def test_the_stop_is_where_bfgs_with_this_tolerance_stops(box, problem, estimates, start, tolerance):
    theta2 = estimates.starts[0].theta2.copy()
    theta2[COLUMN - 1] -= 18.1139 * (start - theta2[COLUMN])
    theta2[COLUMN] = start
    found = problem.estimate(*split(problem, estimates.free, theta2), method="BFGS", options={"gtol": tolerance}, progress=False)
    picture = box.picture
    picture.update(search="BFGS", start=start, tolerance=tolerance)
    assert np.isclose(picture.numbers["objective q"], found.objective, atol=1e-5)
    assert np.isclose(picture.numbers["price coefficient β"], found.beta[0], atol=0.01)
    assert np.isclose(picture.numbers["mean own elasticity"], found.own_elasticities().mean(), atol=1e-4)
    assert np.isclose(picture.numbers["improvement predicted"], found.expected_improvement, rtol=1e-2, atol=1e-6)


def test_the_picture_shows_the_path_up_to_the_stop(box, landscape):
    picture = box.picture
    picture.update(search="Gauss-Newton", start=-10, tolerance=10)
    run = picture.run("Gauss-Newton", -10)
    points = np.array([[theta2[COLUMN], theta2[COLUMN - 1] + 18.1139 * theta2[COLUMN]] for theta2 in run.path])
    stop = next(k for k, slope in enumerate(run.slopes) if slope <= 10)
    assert picture.step == stop > 0 and np.allclose(np.transpose(picture.line.get_data()), points[:stop + 1])
    assert np.allclose(np.transpose(picture.rest.get_data()), points[stop:]) and np.allclose(np.ravel(picture.mark.get_data()), points[stop])
    assert picture.title.get_text().startswith("Gauss-Newton") and f"after {stop} steps" in picture.title.get_text()
    assert picture.cells[0].get_text() == f"{run.objectives[stop]:.2f}"


def test_a_path_goes_down_and_its_slopes_are_gradients(box, problem, estimates):
    for method in plots.COLOURS:
        run = box.picture.run(method, -1.2)
        assert (np.diff(run.objectives) <= 1e-9).all() and np.isclose(run.objectives[-1], estimates.objective, atol=1e-6)
        there = problem.evaluate(*split(problem, estimates.free, run.path[3]))
        assert np.isclose(run.slopes[3], abs(there.gradient).max()) and np.isclose(run.objectives[3], there.objective)


def test_loose_stops_follow_the_start_and_the_elasticity_does_not(box):
    picture, loose, tight = box.picture, [], []
    for start in picture.starts:
        for tolerance, rows in ((0.5, loose), (1e-5, tight)):
            picture.update(search="BFGS", start=start, tolerance=tolerance)
            rows.append((picture.numbers["price coefficient β"], picture.numbers["mean own elasticity"]))
    assert (np.diff([price for price, _ in loose]) < 0).all() and loose[0][0] > -33 and loose[-1][0] < -68
    assert np.ptp([own for _, own in loose]) < 0.11 and np.ptp([price for price, _ in tight]) < 1e-2


def test_the_floor_and_the_landscape(landscape, problem, estimates):
    curvature, slope, objective = landscape.grid
    lowest = np.unravel_index(objective.argmin(), objective.shape)
    assert estimates.objective - 0.02 < objective[lowest] < estimates.objective + 0.05
    assert abs(curvature[lowest] - estimates.theta2[COLUMN]) < 2
    held, *_ = plots.Held(problem, estimates, [plots.CURVATURE]).search(-11.0, estimates.theta2)
    beta = problem.evaluate(*split(problem, estimates.free, held)).beta[0]
    assert np.isclose(np.interp(-11, *landscape.floor), beta, atol=0.2)


def test_the_upper_edge_says_the_price_coefficient_of_the_floor(landscape, box):
    upper = next(axes for axes in box.picture.left.child_axes)
    for place, text in zip(upper.get_xticks(), upper.get_xticklabels()):
        price = float(text.get_text().replace("\N{MINUS SIGN}", "-"))
        assert np.isclose(np.interp(place, *landscape.floor), price, atol=0.3)


def test_the_valley_shows_a_path_and_names_stops(landscape, problem, estimates):
    start = cereal()[1]
    path = np.array([problem.free(start["sigma"], start["pi"]).start, estimates.theta2])
    picture = plots.Valley(landscape, path=path, stops={"here": path[0]})
    assert np.allclose(picture.line.get_data()[0], path[:, COLUMN]) and picture.texts[0].get_text() == "here"
    assert np.allclose(picture.marks.get_offsets()[0], [path[0, COLUMN], path[0, COLUMN - 1] + 18.1139 * path[0, COLUMN]])


def test_only_what_moves_is_drawn_anew_and_the_picture_is_the_same(landscape, box):
    fresh = plots.TwoNevos(landscape, search="BFGS", start=-25, tolerance=0.01)
    assert box.picture.moved(search="BFGS", start=-25, tolerance=0.01) == fresh.png()


def test_two_threads_do_not_draw_into_each_other(landscape, box):
    """A kernel may hear of two controls in two threads: every picture shown is one that some setting has."""
    shown, starts, stops = [], box.picture.starts[:2], (0.5, 1e-5)
    box.controls["start"].value, box.controls["tolerance"].value = starts[0], stops[0]
    box.image.observe(lambda change: shown.append(change["new"]), "value")

    def alternate(control, values):
        for value in 4 * list(values):
            control.value = value
    threads = [Thread(target=alternate, args=arguments) for arguments in ((box.controls["start"], starts), (box.controls["tolerance"], stops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    possible = {plots.TwoNevos(landscape, search=box.controls["search"].value, start=start, tolerance=stop).png() for start in starts for stop in stops}
    assert len(shown) > 4 and set(shown) <= possible
    assert box.image.value == plots.TwoNevos(landscape, **{name: control.value for name, control in box.controls.items()}).png()


def test_histograms_are_those_of_types_and_of_purchases(problem, estimates):
    alpha = np.array([frame.iloc[0] for frame in estimates.price_coefficients().values()]).ravel()
    picture = plots.PriceTastes(estimates, estimates, ("one", "the same"))
    for panel in picture.panels:
        counted = [np.mean((alpha >= low) & (alpha < low + 10)) for low in panel.bins[1:-1]]
        assert np.allclose(heights(panel.types), 100 * np.r_[np.mean(alpha < panel.bins[1]), counted])
        assert np.isclose(panel.median.get_xdata()[0], np.median(alpha))
        assert np.isclose(panel.mean.get_xdata()[0], alpha.mean())
        assert np.isclose(panel.buyers.get_ydata()[:-2].sum(), 100)
    inside = np.empty_like(alpha)
    block = problem.blocks[0]
    mu = blpteach.taste_deviations(block.X2, block.tastes, np.hstack([estimates.sigma, estimates.pi]))
    inside = 1 - np.exp(-blpteach.inclusive_value(estimates.delta[block.index], mu)).ravel()
    assert np.isclose(picture.panels[0].numbers["of purchases"], (inside * alpha).sum() / inside.sum())


def test_weighted_median_is_the_median_for_equal_weights():
    for size in (7, 8):
        values = np.random.default_rng(size).normal(size=size)
        assert np.isclose(plots.weighted_median(values, np.full(size, 1 / size)), np.median(values))
    assert plots.weighted_median(np.array([3.0, 1.0, 2.0]), np.array([0.8, 0.1, 0.1])) == 3


def test_searches_show_the_lowest_so_far_and_the_rest_as_dots():
    picture = plots.Searches(9.999, paths={"BFGS": [30.0, 40.0, 10.0], "b": [30.0, 20.0]})
    assert np.allclose(picture.lines[0].get_ydata(), [30, 30, 10]) and np.allclose(picture.lines[1].get_xdata(), [1, 2])
    assert np.allclose(picture.dots[0].get_data(), [[2], [40]]) and picture.lines[0].get_label() == "BFGS: there after 3"
    assert picture.lines[1].get_label() == "b: 20.0 after 2"
    picture.update(paths={"a": [25.0]})
    assert np.allclose(picture.lines[0].get_ydata(), [25])


def test_halved_price_moves_its_points():
    answers = {"logit": np.full(3, 0.3), "early": np.array([0.1, 0.3, 0.4]), "minimum": np.array([0.1, 0.3, 0.5])}
    picture = plots.HalvedPrice([0, 5, 10], [0, 1, 0], "A", 8, {2: "twin"}, answers)
    crisp, mushy = picture.points["minimum"]
    assert np.allclose(picture.line.get_ydata(), 30) and np.allclose(crisp.get_ydata(), [10, 50]) and np.allclose(mushy.get_ydata(), [30])
    picture.update(minimum=np.array([0.2, 0.3, 0.6]))
    assert np.allclose(crisp.get_ydata(), [20, 60]) and "60 percent" in picture.axes.get_title(loc="left")


def test_every_control_and_preset_redraws(box):
    buttons = {button.description: button for button in box.children[1].children}
    buttons["reset"].click()
    seen = {box.image.value}
    for name, value in {"start": -10, "tolerance": 1e-5, "search": "Gauss-Newton"}.items():
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 4
    for text, price in {"published (loose)": -32.4, "minimum (tight)": -62.7, "loose, another start": -50.4, "reset": -32.4}.items():
        buttons[text].click()
        assert {name: control.value for name, control in box.controls.items()} == box.picture.values
        assert np.isclose(box.picture.numbers["price coefficient β"], price, atol=0.1)
        assert box.image.value not in seen or text in ("published (loose)", "reset")


def test_rough_shows_what_a_loose_inversion_does():
    x = np.linspace(0, 1, 5)
    picture = plots.Rough({0.1: (x, x + 1, x), 1e-3: (x, x + 2, x)}, "a parameter")
    for tolerance, above in {0.1: 1, 1e-3: 2}.items():
        jumping, smooth = picture.lines[tolerance]
        assert np.allclose(jumping.get_ydata() - smooth.get_ydata(), above) and f"{tolerance:g}" in jumping.get_label()
