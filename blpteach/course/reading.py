"""Reading the library from a lesson."""
import ast
import inspect
import textwrap


def show(function):
    """Print the source of a function without its docstring: the lines that run when it is called.

    Parameters
    ----------
    function : function

    Examples
    --------
    >>> from blpteach.utility import market_shares
    >>> show(market_shares)
    def market_shares(delta, mu, weights):
        return (choice_probabilities(delta, mu) * weights[..., None, :]).sum(-1)
    """
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    lines = source.splitlines()
    if ast.get_docstring(node):
        docstring = node.body[0]
        del lines[docstring.lineno - 1:docstring.end_lineno]
    print("\n".join(line for line in lines if line.strip()))
