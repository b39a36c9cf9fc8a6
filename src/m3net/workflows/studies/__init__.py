"""Studies: many trainings by one command, which resumes where it was interrupted."""
