"""From tables to arrays: what is read, where bad data are refused, and how markets are stacked.

- `datasets`: the tables that ship with the course.
- `columns`: what a table is, and what its columns hold.
- `validation`: refuses what can't be right, with the remedy, before anything is estimated.
- `formula`: makes matrices of formulas and columns.
- `agents`, `integration`: make consumers, from a table or by a rule of integration.
- `blocks`: stacks markets with equally many products, which the steps take at once.
- `beside`: what comes beside the products table later, matched to its rows.
"""
