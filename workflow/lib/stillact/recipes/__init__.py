"""How each model of the study is put together: a module a recipe, and `jobs`, which trains them."""
