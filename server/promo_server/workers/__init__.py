"""What goes on beside the calls: the archive's projection, publishing again, cleaning, sweeping."""
