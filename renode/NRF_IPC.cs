{"version": 2, "width": 80, "height": 24, "title": "uartnet"}
