"""The desk's database and everything that reads or changes it: pages, API and command line share these modules.

Nothing here knows of HTTP. Functions take an open connection (`Desk.reading`, `Desk.writing`), so that whoever calls
decides what belongs into one transaction.
"""
