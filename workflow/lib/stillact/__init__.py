"""stillact: what a still photograph tells about what a person is doing.

The library knows nothing of Snakemake. Its modules stand on floors; a module imports only from
floors below its own:

1. facts and tools: log, code, gpus, config, tables, typeset, manifest, runs, workplaces, album
2. data: weights, curate, fetch, images, views, stage, duplicates, splits
3. models: networks, backbones, prompts, augment, limbs
4. learning: training, recipes, embed, pretrain
5. judging: metrics, explore, paper, answers, bootstrap, statistics, comparisons, power,
   calibration, null_simulation, claims, covered, cover, robustness, corruptions,
   sweep, predict, external, elsewhere, plan
6. telling: figures, judging_figures, robustness_figures, sweep_figures, external_figures, browse,
   report, gallery, card, export
"""
