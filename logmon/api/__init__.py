"""The HTTP door: contract §6 over starlette and uvicorn. Imported only when it is switched on."""
