"""Docker's calls, a module for each noun: each has a table ROUTES and the handlers in it."""
