"""A model as the judge of answers that no rule can grade: proofs, explanations, free text.

`judge.py` is asked; it renders the question (`question.py`, `templates/`), sends it (`server.py`), reads the verdict
(`verdict.py`) and remembers it (`cache.py`). The reward function is `reward_fns/llm_judge.py`.
"""
