"""A command that cannot be left behind: it and everything that it starts end when this process or its supervisor does.

    command = Supervised(argv, log, os.environ)    # in this process
      └─ int_verl.supervision.supervisor           # ends all below it when this process dies
           └─ the command, its daemons, theirs

Both sides are reapers of orphans (`family.py`), so each finds what the other leaves when it is killed.
"""
