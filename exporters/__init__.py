"""Takes in what may arrive in floods: errors, the calendar; publishes series, posts direct alarms."""
