"""The leaderboard: runs beside what others published."""
