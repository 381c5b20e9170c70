"""One module for each row of the overview: the panels in their order, each with its fixed id."""
