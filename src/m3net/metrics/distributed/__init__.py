"""How the processes of an evaluation share its work, each ranking for its part of the queries."""
