"""The connector's settings: what they are (model), where they lie (paths), reading (load) and writing (store) them."""
