"""Words that prompts are generated from."""

# fmt: off
NAMES = (
    "Mary", "John", "Tom", "James", "Dan", "Martin", "Amy", "Paul", "Mark", "Rachel", "Jessica", "Robert",
    "Anna", "Laura", "Peter", "Sarah", "Michael", "Kevin", "Lisa", "Andrew", "Susan", "Kate", "Emily", "Alice",
    "Brian", "George", "Henry", "Jack", "Jane", "Karen", "Linda", "Simon", "Steven", "Thomas", "Victoria",
    "William", "Adam", "Alex", "Ben", "Carl",
)
"""Common first names."""

PLACES = (
    "store", "garden", "restaurant", "school", "hospital", "office", "house", "station", "park", "museum",
    "library", "market",
)

OBJECTS = (
    "ring", "kiss", "bone", "basketball", "computer", "necklace", "drink", "snack", "book", "letter", "ball",
    "pen",
)
"""Things to give; all go with ``a``."""

EVENTS = (
    "war", "siege", "campaign", "expedition", "journey", "voyage", "reign", "conflict", "dispute", "dynasty",
    "epidemic", "famine", "marriage", "pilgrimage", "project", "rebellion", "revolution", "strike", "study",
    "test", "trial", "work", "tour", "treaty",
)
"""Things that last for years."""

THINGS = (
    "box", "cup", "book", "chair", "car", "door", "shirt", "bag", "pen", "hat", "table", "lamp", "phone",
    "bowl", "ball", "coat", "wall", "house", "boat", "bottle", "clock", "towel", "ring", "belt", "scarf",
    "candle", "basket", "carpet", "mirror", "blanket",
)
"""Things that have a colour."""

COLORS = (
    "red", "blue", "green", "yellow", "black", "white", "brown", "gray", "purple", "orange", "pink", "gold",
)
# fmt: on
