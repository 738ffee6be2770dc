"""What people define: campaigns, code layouts, projects, keys. Pure values and rules; no I/O, no clock."""
