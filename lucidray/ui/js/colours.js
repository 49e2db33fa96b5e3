// One colour a finding, the same as in every picture and report; a test holds them to lucidray/reporting/colours.py.

export const FINDING_COLOURS = {
  "Atelectasis": "#ee9911",
  "Cardiomegaly": "#dd4499",
  "Effusion": "#0099ff",
  "Infiltration": "#ccffbb",
  "Mass": "#bb11bb",
  "Nodule": "#ffee00",
  "Pneumonia": "#007744",
  "Pneumothorax": "#33ffff",
  "Consolidation": "#9900ff",
  "Edema": "#ee7788",
  "Emphysema": "#44ccff",
  "Fibrosis": "#557700",
  "Pleural Thickening": "#ddaa66",
  "Hernia": "#ffee77",
};
