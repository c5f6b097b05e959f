def main(args): yield from ()
