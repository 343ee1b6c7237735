"""What the forward page can show, one file each."""
