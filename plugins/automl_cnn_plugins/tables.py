"""The papers' tables that several architectures build on, each written down once."""

# Tan and Le 2019, table 1: channels, repeats, stride, kernel, expansion of each stage; then the channels of the stem and of the head
EFFICIENTNET = (
    (16, 1, 1, 3, 1),
    (24, 2, 2, 3, 6),
    (40, 2, 2, 5, 6),
    (80, 3, 2, 3, 6),
    (112, 3, 1, 5, 6),
    (192, 4, 2, 5, 6),
    (320, 1, 1, 3, 6),
)
EFFICIENTNET_STEM, EFFICIENTNET_HEAD = 32, 1280

# Howard et al. 2017, table 1: channels, repeats, stride of each stage
MOBILENET = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))

# Szegedy et al. 2015, table 1: 1x1; 3x3 reduced, 3x3; 5x5 reduced, 5x5; projection of the pooling: the modules of the stages 3, 4 and 5
GOOGLENET = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
