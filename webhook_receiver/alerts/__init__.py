"""What Alertmanager says, turned into episodes: one life of one alert each."""
