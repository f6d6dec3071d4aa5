#!/usr/bin/env python
"""Icosa's command line: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:
        from lims.schema import why_not

        if not (sentence := why_not()):
            raise
        sys.exit(f"{sentence}\n({error})")


if __name__ == "__main__":
    main()
