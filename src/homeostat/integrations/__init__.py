"""homeostat in the tools that people have: scikit-learn, MLflow. pytest: `pytest_homeostat`."""
