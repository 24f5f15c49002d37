"""Renders to nothing, and checks the answers of a replay and the disk meanwhile.

{{ check_before_writing(cookiecutter) if check_before_writing is defined }}"""
