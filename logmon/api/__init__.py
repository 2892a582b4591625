"""The HTTP door, over starlette and uvicorn. Imported only when it is switched on."""
