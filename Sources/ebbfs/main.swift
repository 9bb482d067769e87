print("ebbfs")
