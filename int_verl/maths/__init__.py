"""The one reader of mathematics: it knows no process, no verl and no settings.

An answer goes through these files, in this order:

1. `boxes` and `named_boxes`: from a response to the answer that it commits to.
2. `normal_form`: one spelling for each thing, with `backslashes` that were doubled, `layout`, `magnitudes` (million)
   and the `east_asian` words of an answer.
3. `quick_comparison`: what two strings tell at once, mostly by the numbers that they are (`quantities`).
4. `thorough_comparison`: all the rest, which may take long; it asks, one after the other,

   - `read_answer`: from the text to its items (`answer_items` has their kinds), with `brackets` to cut it, `labels`,
     `remarks`, `prose` and `units` for its words, `marks_in_words` for its signs, `minutes` for its angles and times,
     `numerals` for its bases, `congruences`, `domains`, `combinations`, `systems`, `ellipses`, `definitions` for
     left-hand sides, `signs` for what ``\\pm`` stands for, `regions` (`regions_in_words`) and `inequalities` for
     subsets of the line, which are `intervals`;
   - `same_answer`: are two lists of items the same? `same_value`: are two values, equations or inequalities?
     `same_congruence`, `same_ratio`: are two of these? `options`: which letters are picked?
   - `ask_math_verify`: the last resort.

An expression in an answer goes through `tokens`, `parse_expression` (by the tables of `commands`) and `nodes`, which
has the kinds of nodes of its tree. Whether two trees are equal is for `equality` to say, by an `evaluator` (on
`arithmetic`).

Where mathematics stands in a text of prose is for `spans` to say, by its `text_tokens`.

`size_limits` bounds all of it, and `undecided` has the exceptions of what cannot be told.
"""
