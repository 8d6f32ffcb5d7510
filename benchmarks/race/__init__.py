"""The parts of `race.py`.

cells         which runs there are: tool, image set, seed
images        class folders: listed, held out, read
tools         who takes part, and how each is called
environments  a virtual environment for a tool that cannot share ours
watch         a process under a deadline: memory, and every model it keeps
predict       labels of the test images, in the tool's own environment
results       the rows, and their table
plot          accuracy by minute
entrants/     what is run for tools without a command line of their own
"""
