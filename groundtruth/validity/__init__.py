"""What a verdict on known circuits is worth: how far it ranks methods as references do that know no truth."""
