"""The incident record: its states, its judgement, its log."""
