"""What people and their tools receive: the weekly list, its files, and the published weeks."""
