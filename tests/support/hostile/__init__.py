"""Files made to harm, and a process that notes what a command does to the machine."""
