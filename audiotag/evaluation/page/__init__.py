"""What people read of an evaluation: `report.html`, one file without a network, and `model_card.md`."""
