"""Who is told when: policies as data, steps as due rows."""
