"""The Python agent, started as `python boot.py <channel> <scratch> [<filter>]`; cordon_agent/main.py says what these are."""

import sys

# A process that `multiprocessing` starts imports this file, too, and is no agent.
if __name__ == "__main__":
    sys.path.append(__file__.rpartition("/")[0])

    from cordon_agent.main import main

    main(sys.argv[1:])
