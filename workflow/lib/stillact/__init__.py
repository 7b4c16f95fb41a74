"""stillact: what a still photograph tells about what a person is doing.

The library knows nothing of Snakemake. Its modules stand on floors; a module imports only from
floors below its own:

1. facts and tools: log, code, config, tables, manifest, runs
2. data: weights, curate, fetch, images, stage, duplicates, splits
3. models: networks, backbones, augment
4. learning: training, recipes
5. judging: metrics, explore, paper
6. telling: figures, report
"""
