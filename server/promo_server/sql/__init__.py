"""The relational side: what people define, and the archive of what happened. SQLite or PostgreSQL."""
